# one namespace in each region
ndctl create-namespace -r region0
ndctl create-namespace -r region1
ndctl list -Nu
