"""Audio columns: recordings as users have them, brought to wav files that TensorFlow reads, and checked."""

from __future__ import annotations

import hashlib
import io
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import tensorflow as tf
from scipy.io import wavfile

from kzoo.core.progress import track
from kzoo.data.examples import CheckedColumn
from kzoo.data.file_column import collect_files, list_files, load, name_files, stamp
from kzoo.specs.task import UserData

SUFFIXES = (".wav", ".flac", ".ogg", ".mp3")

SILENT = 1e-4
"""Loudest sample, of 1, under which a recording is silent: -80 dB."""

SHORTEST = 0.01
"""Seconds."""

MOST_SAMPLES = 3_600 * 48_000
"""Samples of all channels together: an hour of one channel at 48 kHz, 700 MB. A small file can claim any number."""

MOST_BYTES = 8 * MOST_SAMPLES
"""Of a file: as many samples of the widest type."""

RATES = (1_000, 400_000)
"""Lowest and highest accepted sample rate, Hz."""


def collect_recordings(values: UserData, *, root: Path = Path()) -> np.ndarray:
    """Recordings as an audio column: an object array (N,) of paths and encoded files.

    Args:
        values: paths, encoded files, or pairs ``(rate, samples)`` as `scipy.io.wavfile.read` gives them: samples (T,)
            or (T, channels), integers of their type's range, or floats in [-1, 1].
        root: folder of relative paths.

    Raises:
        TypeError: a value has another type.
    """
    wanted = "A recording must be a path, an encoded file, or a pair (rate, samples)"
    return collect_files(list(values), root=root, wanted=wanted, encode=_encode_pair)


def _encode_pair(value: object) -> bytes | None:
    if isinstance(value, tuple | list) and len(value) == 2 and np.ndim(value[0]) == 0:
        return encode_wav(np.asarray(value[1]), rate=int(value[0]))
    return None


def read_audio_inputs(recordings: UserData) -> tuple[np.ndarray, list[str]]:
    """An audio column and names, of what a user has at hand: a path, a folder, bytes, (rate, samples), or a list."""
    if hasattr(recordings, "__array__") and np.asarray(recordings).dtype.kind in "fiu":
        raise TypeError(
            f"Samples need a sample rate. Pass (rate, samples), as in (16000, x). "
            f"Got {np.asarray(recordings).dtype} numbers of shape {np.shape(recordings)}."
        )
    pair = isinstance(recordings, tuple) and len(recordings) == 2 and isinstance(recordings[0], int | np.integer)
    column = collect_recordings([recordings] if pair else list_files(recordings, SUFFIXES))
    return column, name_files(column, "recording")


def check_recordings(column: np.ndarray) -> CheckedColumn:
    """Opens every recording of a column. Recordings that TensorFlow cannot read become 16-bit wav files."""
    with ThreadPoolExecutor() as pool:
        found = list(track(pool.map(_check, column), "reading recordings", unit="recording", total=len(column)))
    checked = np.empty(len(column), dtype=object)
    checked[:] = [recording for recording, _, _, _ in found]
    reasons = {index: reason for index, (_, _, reason, _) in enumerate(found) if reason}
    converted = sum(one is not other for one, other in zip(checked, column, strict=True))
    notes = [f"{converted} recordings are kept in memory, because they are not 16-bit wav files"] if converted else []
    return CheckedColumn(checked, [digest for _, digest, _, _ in found], reasons, notes, [seen for *_, seen in found])


def open_recording(recording: str | bytes) -> tuple[bytes, str | None]:
    """A recording as a wav file that TensorFlow reads, and why it cannot be used."""
    checked, _, reason, _ = _check(recording)
    if reason:
        return b"", reason
    try:
        return load(checked), None
    except OSError as error:
        return b"", f"could not be read ({error.strerror or error})"


def _check(recording: str | bytes) -> tuple[str | bytes, str, str | None, tuple[int, ...]]:
    """A recording as TensorFlow reads it, the digest of its content, why it cannot be used, and its file's stamp."""
    try:
        seen = stamp(recording)
        if (size := seen[0]) > MOST_BYTES:
            return recording, "", f"too large: {size:,} bytes, at most {MOST_BYTES:,}", ()
        data = load(recording)
    except (OSError, ValueError, MemoryError) as error:
        return recording, "", f"could not be read ({getattr(error, 'strerror', None) or repr(error)})", ()
    digest = hashlib.sha256(data).hexdigest()
    if not data:
        return recording, digest, "empty file", seen
    try:
        samples, rate, plain = decode(data)
        reason = trouble(samples, rate)
        return (recording if plain or reason else encode_wav(samples, rate=rate)), digest, reason, seen
    except Exception as error:
        # For damaged headers scipy raises UnboundLocalError, ZeroDivisionError and others (1.17).
        return recording, digest, f"could not be decoded: {(str(error) or repr(error)).splitlines()[0][:100]}", seen


def trouble(samples: np.ndarray, rate: int) -> str | None:
    """Why samples (T, channels) in [-1, 1] cannot be used, or None."""
    if not RATES[0] <= rate <= RATES[1]:
        return f"a sample rate of {rate} Hz"
    if not len(samples):
        return "no samples"
    if len(samples) < SHORTEST * rate:
        return f"shorter than {SHORTEST} s"
    if not np.isfinite(samples).all():
        return "samples that are not finite"
    return "silent" if np.abs(samples).max() < SILENT else None


def decode(data: bytes) -> tuple[np.ndarray, int, bool]:
    """Samples float32 (T, channels) in [-1, 1], rate in Hz, and whether it is a wav file that TensorFlow reads.

    Raises:
        ValueError: it is cut off, or longer than `MOST_SAMPLES`.
        ImportError: it takes soundfile, which is not installed.
        Exception: whatever a decoder raises of a damaged file.
    """
    if data[:4] not in (b"RIFF", b"RIFX", b"RF64"):
        return (*_decode_others(data), False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", wavfile.WavFileWarning)
        # scipy only warns about truncated files, which is an error here. Unknown chunks are accepted.
        warnings.filterwarnings("error", message=".*EOF", category=wavfile.WavFileWarning)
        try:
            rate, samples = wavfile.read(io.BytesIO(data))
        except wavfile.WavFileWarning as warning:
            raise ValueError(f"cut off: {warning}") from warning
    samples = samples[:, None] if samples.ndim == 1 else samples
    _refuse_long(samples.size)
    return _floats(samples), rate, samples.dtype == np.int16 and _is_read_by_tensorflow(data)


def _is_read_by_tensorflow(data: bytes) -> bool:
    try:
        tf.audio.decode_wav(data)
    except tf.errors.OpError:
        return False
    return True


def _decode_others(data: bytes) -> tuple[np.ndarray, int]:
    try:
        import soundfile
    except ImportError as error:
        raise ImportError("flac, ogg and mp3 are read with soundfile: pip install 'kzoo[audio]'") from error
    with soundfile.SoundFile(io.BytesIO(data)) as file:
        _refuse_long(file.frames * file.channels)
        return file.read(dtype="float32", always_2d=True), file.samplerate


def _refuse_long(samples: int) -> None:
    if samples > MOST_SAMPLES:
        raise ValueError(f"too long: {samples:,} samples of all channels, at most {MOST_SAMPLES:,}")


def _floats(samples: np.ndarray) -> np.ndarray:
    """Samples of any type as float32 in [-1, 1]."""
    if samples.dtype.kind == "u":
        half = (np.iinfo(samples.dtype).max + 1) / 2
        return ((samples.astype(np.float64) - half) / half).astype(np.float32)
    if samples.dtype.kind == "i":
        return (samples / (np.iinfo(samples.dtype).max + 1.0)).astype(np.float32)
    return samples.astype(np.float32)


def encode_wav(samples: np.ndarray, *, rate: int) -> bytes:
    """A wav file of samples (T,) or (T, channels): of 16 bits; of floats where some are not finite, for the audit."""
    floats = _floats(samples)
    if np.isfinite(floats).all():
        floats = np.clip(np.round(floats.astype(np.float64) * 32768), -32768, 32767).astype(np.int16)
    file = io.BytesIO()
    wavfile.write(file, rate, floats)
    return file.getvalue()


def seconds_of(recording: str | bytes) -> float:
    """Length of a checked recording.

    Raises:
        ValueError: it cannot be read any more.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", wavfile.WavFileWarning)
        try:
            if isinstance(recording, bytes):
                rate, samples = wavfile.read(io.BytesIO(recording))
            else:
                rate, samples = wavfile.read(recording, mmap=True)
            return len(samples) / rate
        except Exception as error:
            name = recording if isinstance(recording, str) else f"A recording of {len(recording)} bytes"
            raise ValueError(f"{name} cannot be read any more. It changed after it was checked: {error!r}") from error
