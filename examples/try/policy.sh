ndctl create-namespace -m devdax -M mem -s 2G > /dev/null
daxctl reconfigure-device -m system-ram dax0.0
cat /sys/devices/system/memory/auto_online_blocks
# the kernel decides all the same
daxctl reconfigure-device -m system-ram --no-movable dax0.0
