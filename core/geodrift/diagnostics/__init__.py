"""Questions to ask of a trained score: is it one, and does it matter?"""
