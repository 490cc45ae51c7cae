ndctl create-namespace -m devdax -M mem -s 2G > /dev/null
echo offline > /sys/devices/system/memory/auto_online_blocks
daxctl reconfigure-device -m system-ram dax0.0
