from common import optimizer
step = optimizer.minimize(None)
