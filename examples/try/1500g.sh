ndctl create-namespace -s 1500G
ndctl list -Nu
