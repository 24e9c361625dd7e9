"""Decodes composefs splitstreams by the words of the format alone: a judge of what bootc writes.

    splitstream.py show FILE        prints one stream, without its objects, as JSON
    splitstream.py check REPOSITORY puts every named stream together again and prints NAME TYPE SIZE SHA256;
                                    exits with 1 and the reason where one is not as the format demands

Needs the zstd program. Every field is checked for the only value that a writer may give it.
"""

import hashlib
import json
import os
import struct
import subprocess
import sys

DIGEST_SIZES = {1: 32, 2: 64}
INLINE_LIMIT = 64
BLOCK = 512

# Type flags of tar that have content behind their header.
REGULAR = (b"0", b"\0", b"7")
EXTENSIONS = (b"x", b"g", b"L", b"K")


class Malformed(Exception):
    pass


def require(condition, what):
    if not condition:
        raise Malformed(what)


def decompress(data):
    done = subprocess.run(["zstd", "-d", "-c"], input=data, capture_output=True)
    require(done.returncode == 0, "zstd: " + done.stderr.decode(errors="replace"))
    return done.stdout


class SplitStream:
    def __init__(self, data):
        magic, version, flags, algorithm, block_bits, info_start, info_end = struct.unpack_from("<11sBHBBQQ", data)
        require(magic == b"SplitStream", "magic")
        require((version, flags, block_bits) == (0, 0, 12), "version, flags or block size")
        require(algorithm in DIGEST_SIZES, "algorithm")
        require((info_start, info_end) == (32, 112), "info section")
        fields = struct.unpack_from("<8Q8sQ", data, info_start)
        streams, objects, stream, names = [fields[i:i + 2] for i in (0, 2, 4, 6)]
        self.content_type = fields[8].decode("ascii")
        self.size = fields[9]

        # The sections follow each other without gaps, the stream last.
        at = info_end
        for start, end in (streams, objects, names, stream):
            require(start == at and end >= start, "sections overlap or leave gaps")
            at = end
        require(at == len(data), "length of the file")

        def digests(section):
            raw = data[section[0]:section[1]]
            size = DIGEST_SIZES[algorithm]
            require(len(raw) % size == 0, "length of the references")
            found = [raw[i:i + size].hex() for i in range(0, len(raw), size)]
            require(len(set(found)) == len(found), "a reference comes twice")
            return found

        self.stream_references = digests(streams)
        self.object_references = digests(objects)
        self.names = self._read_names(decompress(data[names[0]:names[1]]))
        self.chunks = self._read_chunks(decompress(data[stream[0]:stream[1]]))

    def _read_names(self, raw):
        require(raw == b"" or raw.endswith(b"\0"), "last named reference has no end")
        names = []
        for record in raw.split(b"\0")[:-1]:
            index, _, name = record.partition(b":")
            require(index == str(int(index)).encode() and int(index) < len(self.stream_references), "index of a named reference")
            names.append((name, self.stream_references[int(index)]))
        require([n for n, _ in names] == sorted({n for n, _ in names}), "named references are not sorted")
        return [(name.decode(), digest) for name, digest in names]

    def _read_chunks(self, raw):
        """Inline bytes as bytes, objects as the hex of their digest."""
        chunks, unused, at = [], 0, 0
        while at < len(raw):
            number, = struct.unpack_from("<q", raw, at)
            at += 8
            if number < 0:
                require(at - number <= len(raw), "inline bytes are cut off")
                chunks.append(raw[at:at - number])
                at -= number
            else:
                require(number <= unused, "objects are not numbered in the order of their first use")
                unused = max(unused, number + 1)
                chunks.append(self.object_references[number])
        require(unused == len(self.object_references), "an object is referred to and not used")
        return chunks


def check_layer(chunks, size_of):
    """A layer's tar: headers and small files lie within one chunk each, large files are objects."""
    pieces = iter([(c, 0) for c in chunks])
    chunk, at = b"", 0

    def inline(length, what):
        nonlocal chunk, at
        while length > 0 and at == len(chunk):
            chunk, at = next(pieces, (None, 0))
            require(isinstance(chunk, bytes), what + " is not inline")
        require(length == 0 or at + length <= len(chunk), what + " does not lie within one chunk")
        at += length
        return chunk[at - length:at]

    while True:
        header = inline(BLOCK, "a header")
        if header.count(0) == BLOCK:
            break
        field = header[124:136]
        size = int.from_bytes(field[1:], "big") if field[0] & 0x80 else int(field.strip(b" \0") or b"0", 8)
        kind = header[156:157]
        padding = -size % BLOCK
        if kind in REGULAR and size > INLINE_LIMIT:
            require(at == len(chunk), "inline bytes before the content of a large file")
            chunk, at = next(pieces, (None, 0))
            require(isinstance(chunk, str), "a file of %d bytes is not an object" % size)
            require(size_of(chunk) == size, "an object is not as long as its file")
            chunk, at = b"", 0
            for _ in range(padding):
                require(inline(1, "padding") == b"\0", "padding")
        elif kind in REGULAR + EXTENSIONS:
            inline(size + padding, "a small file")

    rest = chunk[at:]
    require(rest.count(0) == len(rest), "something follows the end of the archive")
    for chunk, _ in pieces:
        require(isinstance(chunk, bytes) and chunk.count(0) == len(chunk), "something follows the end of the archive")


def check_kind(name, stream, size_of):
    """What the table of the format says of each kind of stream."""
    one_object = len(stream.chunks) == 1 and isinstance(stream.chunks[0], str)
    kind = stream.content_type
    if kind == "ocilayer":
        require(name.startswith("oci-layer-"), "name of a layer")
        require(stream.names == [] and stream.stream_references == [], "a layer refers to other streams")
        check_layer(stream.chunks, size_of)
    elif kind == "ociconfg":
        require(name.startswith("oci-config-") and one_object, "a config is one object")
    elif kind == "ocimanif":
        require(name.startswith("oci-manifest-") and one_object, "a manifest is one object")
        require(any(n.startswith("config:sha256:") for n, _ in stream.names), "a manifest refers to its config")
    elif kind == "oci_blob":
        require(name.startswith(("oci-layer-", "oci-blob-")) and one_object and stream.names == [], "a blob is one object")
    else:
        raise Malformed("content type " + kind)


def check(repository):
    objects = os.path.join(repository, "objects")

    def path_of(digest):
        return os.path.join(objects, digest[:2], digest[2:])

    def size_of(digest):
        return os.stat(path_of(digest)).st_size

    folder = os.path.join(repository, "streams")
    for name in sorted(os.listdir(folder)):
        if name == "refs":
            continue
        try:
            with open(os.path.join(folder, name), "rb") as file:
                stream = SplitStream(file.read())
            check_kind(name, stream, size_of)
            for digest in stream.stream_references:
                require(os.path.isfile(path_of(digest)), "stream or image %s is missing" % digest)
            sha, size = hashlib.sha256(), 0
            for chunk in stream.chunks:
                content = chunk
                if isinstance(chunk, str):
                    with open(path_of(chunk), "rb") as file:
                        content = file.read()
                sha.update(content)
                size += len(content)
            require(size == stream.size, "it has %d bytes and states %d" % (size, stream.size))
            require(name.endswith("sha256:" + sha.hexdigest()), "it is put together to sha256:" + sha.hexdigest())
            print(name, stream.content_type, size, sha.hexdigest())
        except (Malformed, OSError, struct.error, ValueError) as reason:
            sys.exit("%s: %s" % (name, reason))


def show(path):
    with open(path, "rb") as file:
        stream = SplitStream(file.read())
    json.dump({
        "contentType": stream.content_type,
        "size": stream.size,
        "streamReferences": stream.stream_references,
        "objectReferences": stream.object_references,
        "names": ["%s=%s" % pair for pair in stream.names],
        "chunks": [{"digest": c} if isinstance(c, str) else {"inline": c.hex()} for c in stream.chunks],
    }, sys.stdout)


if __name__ == "__main__":
    {"show": show, "check": check}[sys.argv[1]](sys.argv[2])
