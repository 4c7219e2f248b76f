"""The tensor users see, its methods, and what is asked and set around them. Read `tensor.py`."""
