"""Names and first bytes of files that are not weights, and of folders that are not looked into."""

from __future__ import annotations

OTHERS = frozenset(
    """.txt .md .rst .html .htm .css .csv .tsv .json .jsonl .yaml .yml .toml .ini .cfg .conf .xml .log
    .lock .tex .bib .py .pyc .pyi .pyx .ipynb .sh .bat .ps1 .c .cc .cpp .cu .cuh .h .hpp .rs .go .java
    .class .jar .js .mjs .ts .map .wasm .r .m .jl .lua .pl .rb .swift .kt .so .o .a .dylib .dll .exe
    .lib .whl .egg .deb .rpm .apk .dmg .iso .png .jpg .jpeg .gif .bmp .tif .tiff .webp .svg .ico .heic
    .avif .psd .pdf .ps .eps .ttf .otf .woff .woff2 .wav .mp3 .flac .ogg .opus .m4a .mp4 .mkv .avi .mov
    .webm .mid .midi .doc .docx .xls .xlsx .ppt .pptx .odt .parquet .arrow .feather .orc .db .sqlite
    .sqlite3 .lmdb .mdb .tfrecord .tfrecords .webdataset .index .meta .vocab .spm .bpe .merges .patch
    .diff .sha256 .md5 .asc .sig .pem .pub .bak~ .swp .nii .dcm .las .ply .obj .stl .glb""".split()
)
"""Suffixes of files that are not weights, which are not looked into."""

CONTAINERS = frozenset({".gz", ".bz2", ".xz", ".zst", ".tar", ".tgz", ".zip", ".7z", ".rar"})
"""Suffixes of compressed files and archives; what matters is the suffix before."""

LOGS = "tfevents"
"""Part of the names of TensorBoard's logs."""

TRAINERS_STEMS = (
    "optimizer", "scheduler", "scaler", "sampler", "rng_state", "random_states", "training_args", "trainer_state",
)  # fmt: skip
"""Stems, perhaps numbered, of files that trainers write beside the weights."""

STATE_WORDS = ("state", "states", "dict")
"""Words that may follow them."""

TOOLS_FOLDERS = frozenset(
    """.git .hg .svn .cache .venv .env .tox .nox .mypy_cache .ruff_cache .pytest_cache .ipynb_checkpoints .idea .vscode
    .locks .no_exist .huggingface .Trash .trash .DS_Store .dvc .wandb .eggs .Spotlight-V100""".split()
)
"""Hidden folders of programs: whatever weights they hold are copies or in the making."""

OTHER_STARTS = (
    *(b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"RIFF", b"OggS", b"fLaC", b"ID3", b"%PDF", b"%!PS", b"\x7fELF", b"MZ"),
    *(b"\xca\xfe\xba\xbe", b"\xcf\xfa\xed\xfe", b"SQLite format 3", b"PAR1", b"ARROW1", b"PACK", b"DIRC", b"\xfftOc"),
    *(b"\x00\x05\x16\x07", b"\x00\x00\x00\x01Bud1", b"wOFF", b"wOF2", b"\x00asm"),
)
"""How media, programs, databases and the leavings of file managers begin."""

TOKENS = (b"<unk>", b"<pad>", b"<s>", b"header.npy")
"""What stands in the first bytes of a binary vocabulary, or of our own file of statistics."""
