"""How sure an answer is: likeness to the stored thumbnail, the score, and which of two look-alikes it is."""
