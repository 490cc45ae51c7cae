# the GiB above 4 GiB, block by block
for i in 32 33 34 35 36 37 38 39; do echo offline > /sys/devices/system/memory/memory$i/state; done
# what is online in ZONE_MOVABLE can be taken away again
echo online_movable > /sys/devices/system/memory/memory34/state
cat /sys/devices/system/memory/memory34/valid_zones
echo offline > /sys/devices/system/memory/memory34/state
