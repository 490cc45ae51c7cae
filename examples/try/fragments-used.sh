for i in 1 2 3 4; do ndctl create-namespace -m raw -s 2G > /dev/null; done
ndctl destroy-namespace -f namespace0.0
ndctl destroy-namespace -f namespace0.2
# a namespace in each hole
ndctl create-namespace -s 2G
ndctl create-namespace -s 2G
