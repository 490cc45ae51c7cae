# four namespaces fill the region; every other one goes
for i in 1 2 3 4; do ndctl create-namespace -m raw -s 2G > /dev/null; done
ndctl destroy-namespace -f namespace0.0
ndctl destroy-namespace -f namespace0.2
# 4 GiB are available ...
ndctl list -R
# ... but not together
ndctl create-namespace -s 4G
