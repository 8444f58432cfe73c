"""Degradations by generators: a part inpainted, or painted anew by a pose ControlNet after a skeleton."""
