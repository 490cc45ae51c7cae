# a GiB more than is wanted
ndctl create-namespace -m devdax -a 1G -M mem -s 3G
# or pages of 2 MiB
ndctl create-namespace -m devdax -a 2M -M mem -s 1G
