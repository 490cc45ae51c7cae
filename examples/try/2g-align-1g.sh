# 1 GiB of 2 GiB is left
ndctl create-namespace -m devdax -a 1G -s 2G
# nothing is left of 1 GiB
ndctl create-namespace -m devdax -a 1G -s 1G
