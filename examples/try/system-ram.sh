daxctl reconfigure-device -m system-ram dax0.0
