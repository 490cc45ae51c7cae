ndctl create-namespace -f -e namespace0.0 -m fsdax -M mem -a 2M
