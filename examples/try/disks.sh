ndctl list -N
