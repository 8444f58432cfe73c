"""What finds body parts in photos: a protocol (`detector`), a table (`load`), one file for each."""
