"""The support desk that the embedded models are trained and measured on."""
