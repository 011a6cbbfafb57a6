"""Pictures that browsers do not know, as PNG. The only import of Pillow."""

import io

from PIL import Image

SHOWN = ("image/png", "image/jpeg", "image/gif", "image/webp", "image/svg+xml", "image/avif")
"""What browsers show as it is."""

_READ = ("PPM", "BMP", "TIFF")
MOST_PIXELS = 16_000_000


def for_browsers(content: bytes, media_type: str) -> tuple[bytes, str] | None:
    """Return a picture as a browser shows it, with its media type; None for what is no picture."""
    if media_type in SHOWN:
        return content, media_type
    if not media_type.startswith("image/"):
        return None
    try:
        with Image.open(io.BytesIO(content), formats=_READ) as picture:
            if picture.width * picture.height > MOST_PIXELS:
                return None
            written = io.BytesIO()
            picture.convert("RGB" if picture.mode not in ("L", "1") else "L").save(written, "PNG")
    except (OSError, ValueError, Image.DecompressionBombError):
        return None
    return written.getvalue(), "image/png"
