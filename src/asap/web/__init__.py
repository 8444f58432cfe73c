"""What local pages share: a journal of answers, who may ask, how much and how fast, and the server itself."""
