cat /sys/bus/dax/devices/dax0.0/memmap_on_memory
# before the driver is bound: struct pages at the start of each memory block
echo 1 > /sys/bus/dax/devices/dax0.0/memmap_on_memory
daxctl reconfigure-device -m system-ram dax0.0
