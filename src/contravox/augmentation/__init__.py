"""A fresh copy of a segment at each draw: noise, rooms, codecs, speed."""
