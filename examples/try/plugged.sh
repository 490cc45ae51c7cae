lsmem
chmem --enable 1G
lsmem --output RANGE,SIZE,STATE,ZONES
