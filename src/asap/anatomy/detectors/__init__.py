"""What finds hands, faces and bodies in photos: a protocol (`detector`), a table (`load`), one file for each."""
