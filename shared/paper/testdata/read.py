"""Reads PDFs for the tests: read.py DPI FILE...

Prints a line of JSON for each file, a list of its pages: every text that was
drawn with its box (points from the top left), what a scanner reads off the
page, and with a DPI above 0 its pixels, a byte of grey each, in base 64.
"""
import base64
import json
import sys

import pypdfium2
import zxingcpp
from pypdfium2.raw import FPDF_PAGEOBJ_TEXT

SCANNED_AT = 200  # dots an inch


def pixels(page, dpi):
    bitmap = page.render(scale=dpi / 72, grayscale=True)
    rows = memoryview(bitmap.buffer).cast("B")
    grey = b"".join(bytes(rows[y * bitmap.stride:][:bitmap.width]) for y in range(bitmap.height))
    return grey, bitmap.width, bitmap.height


def read(page, dpi):
    texts = []
    content = page.get_textpage()
    height = page.get_height()
    for drawn in page.get_objects(filter=[FPDF_PAGEOBJ_TEXT], textpage=content):
        x0, y0, x1, y1 = drawn.get_bounds()
        texts.append({"text": drawn.extract().strip(), "box": [x0, height - y1, x1, height - y0]})
    result = {"texts": texts}
    if dpi:
        grey, width, height = pixels(page, SCANNED_AT)
        found = zxingcpp.read_barcodes(memoryview(grey).cast("B", (height, width)))
        result["codes"] = sorted(code.text for code in found)
        grey, width, height = pixels(page, dpi)
        result.update(width=width, height=height, grey=base64.b64encode(grey).decode())
    return result


for path in sys.argv[2:]:
    document = pypdfium2.PdfDocument(path)
    print(json.dumps([read(page, int(sys.argv[1])) for page in document]))
