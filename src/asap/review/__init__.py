"""`asap review`: a local page on which people look at pairs and decide what becomes of them."""
