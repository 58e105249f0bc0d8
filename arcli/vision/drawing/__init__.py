"""Pictures that arcli makes: what was found drawn on a photo, kept pictures and thumbnails."""
