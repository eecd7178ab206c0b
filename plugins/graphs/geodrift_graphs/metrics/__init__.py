"""How good generated graphs and molecules are, each figure with its floor, its interval and its n."""
