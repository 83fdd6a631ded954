"""Random damage to the content of a file, as hypothesis draws it."""

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import strategies as st

TOKENS = [
    b"", b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"\r", b"\n", b"\t", b"'", b'"', b",", b";", b":",
    b"- ", b"[", b"]", b"{", b"}", b"&a ", b"*a", b"!!python/name:os.system ", b"null",
    b"nan", b"-1", b"1e999", b"9" * 40, b"\xc3\x28", "\u2028".encode(), "\u202e".encode(),
    b"../../x", b"=1+1",
]  # fmt: skip


@st.composite
def damaged(draw, content, times=4):
    """``content`` with up to ``times`` parts of it lost, doubled, moved, flipped or replaced."""
    made = bytearray(content)
    for _ in range(draw(st.integers(1, times))):
        start = draw(st.integers(0, len(made)))
        end = min(len(made), start + draw(st.integers(0, 40)))
        kind = draw(st.sampled_from(["cut off", "lose", "double", "token", "bytes", "flip"]))
        if kind == "cut off":
            del made[start:]
        elif kind == "lose":
            del made[start:end]
        elif kind == "double":
            made[start:start] = made[start:end]
        elif kind == "token":
            made[start:end] = draw(st.sampled_from(TOKENS))
        elif kind == "bytes":
            made[start:end] = draw(st.binary(max_size=8))
        elif start < len(made):
            made[start] ^= 1 << draw(st.integers(0, 7))
    return bytes(made)


def no_utf_8(path, **columns):
    """A Parquet file of texts, the first column's first of which has a byte that is in no UTF-8."""
    made = {name: pa.array(values) for name, values in columns.items()}
    first, *_ = made
    spoilt = [b"\xff" + columns[first][0].encode(), *map(str.encode, columns[first][1:])]
    made[first] = pa.array(spoilt, pa.binary()).view(pa.string())
    pq.write_table(pa.table(made), path)
    return path
