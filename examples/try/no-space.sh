# ipmctl shows 1008 GiB, so:
ndctl create-namespace -s 1000G
