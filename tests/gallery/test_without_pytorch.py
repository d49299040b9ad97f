import subprocess
import sys


def test_a_gallery_needs_no_pytorch():
    code = "import sys; sys.modules['torch'] = None; import contravox.gallery.gallery"
    subprocess.run([sys.executable, "-c", code], check=True)
