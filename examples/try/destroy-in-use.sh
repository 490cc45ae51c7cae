ndctl create-namespace -m devdax -M mem -s 4G
daxctl reconfigure-device -m system-ram dax0.0
# the memory is in use as RAM
ndctl destroy-namespace -f namespace0.0
ndctl disable-namespace namespace0.0
