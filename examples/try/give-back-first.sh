ndctl create-namespace -m devdax -M mem -s 4G > /dev/null
daxctl reconfigure-device -m system-ram dax0.0 > /dev/null
# offline, then another driver, then destroyed
daxctl reconfigure-device -m devdax -f dax0.0
ndctl destroy-namespace -f namespace0.0
