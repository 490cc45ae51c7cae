ndctl enable-namespace namespace0.0
ndctl create-namespace -f -e namespace0.0 -m fsdax
