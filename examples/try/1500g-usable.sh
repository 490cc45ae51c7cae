# what 'vmemmap size --want 1500G' says
ndctl create-namespace -s 1560384M
ndctl list -Nu
