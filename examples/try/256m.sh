ndctl create-namespace -m devdax -s 256M
daxctl reconfigure-device -m system-ram dax0.0
daxctl list
