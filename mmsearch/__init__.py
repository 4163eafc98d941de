"""mmsearch finds anything in your folders by meaning: photos, screenshots, PDFs, notes, sound and video."""

__version__ = "0.1.0.dev0"
