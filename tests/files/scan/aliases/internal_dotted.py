import tensorflow.python.client.device_lib as devices
print(devices.list_local_devices())
