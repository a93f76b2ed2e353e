import package
from package import names
y = package.tf.ones([2])
z = names.tf.ones_like(y)
