# the struct pages in RAM: as system-ram they are there anyway
ndctl create-namespace -m devdax -M mem -s 6G
daxctl reconfigure-device -m system-ram dax0.0
