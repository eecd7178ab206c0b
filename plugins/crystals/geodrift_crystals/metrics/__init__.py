"""How good generated crystals are, each figure with its controls, its interval and its n."""
