"""Augmentation of recordings: noise, shift and gain of the waveform, masks in the spectrogram."""

from __future__ import annotations

from dataclasses import dataclass

import tensorflow as tf

from kzoo.core.tensors import Tensor


@dataclass(frozen=True)
class SoundPreset:
    """How much a recording is changed.

    Args:
        noise: lowest and highest signal-to-noise ratio of the white noise that is added, dB.
        shift: farthest that it moves, of its window.
        gain: most that it gets louder or quieter, dB.
        masks: stretches of time and bands of frequency that are hidden, so many of each (SpecAugment,
            arXiv:1904.08779).
        width: widest of these, of the whole.
    """

    noise: tuple[float, float]
    shift: float
    gain: float = 6.0
    masks: int = 1
    width: float = 0.15


SOUND_PRESETS = {
    "light": SoundPreset(noise=(20.0, 50.0), shift=0.1),
    "medium": SoundPreset(noise=(10.0, 40.0), shift=0.15, gain=9.0, masks=2),
    "strong": SoundPreset(noise=(5.0, 40.0), shift=0.2, gain=12.0, masks=2, width=0.25),
}


def augment_sound(wave: Tensor, *, samples: int, preset: SoundPreset, seed: Tensor) -> Tensor:
    """A window (samples,) of a waveform (T,) that is moved, louder or quieter, and noisy."""
    seeds = tf.unstack(tf.random.split(seed, 2))
    drawn = tf.random.stateless_uniform((3,), seeds[0])
    length = tf.shape(wave)[0]
    moved = tf.cast((2 * drawn[0] - 1) * preset.shift * samples, tf.int32)
    # The middle window of silence, recording and silence, moved.
    start = (length + 2 * samples - samples) // 2 + moved
    start = tf.clip_by_value(start, 0, length + samples)
    window = tf.pad(wave, [(samples, samples)])[start : start + samples]
    loudness = tf.sqrt(tf.reduce_mean(tf.square(window)))
    ratio = preset.noise[0] + (preset.noise[1] - preset.noise[0]) * drawn[1]
    noise = loudness * tf.pow(10.0, -ratio / 20) * tf.random.stateless_normal((samples,), seeds[1])
    gain = tf.pow(10.0, preset.gain * (2 * drawn[2] - 1) / 20)
    return tf.ensure_shape((window + noise) * gain, (samples,))


def hide(features: Tensor, *, preset: SoundPreset, seed: Tensor) -> Tensor:
    """Features (steps, bands) of which stretches and bands have the least value."""
    drawn = tf.random.stateless_uniform((preset.masks, 2, 2), seed + 1)
    kept = tf.ones_like(features, dtype=tf.bool)
    for axis, count in enumerate(features.shape):
        places = tf.range(count, dtype=tf.float32) / count
        for number in range(preset.masks):
            width = drawn[number, axis, 0] * preset.width
            begin = drawn[number, axis, 1] * (1 - width)
            inside = (places >= begin) & (places < begin + width)
            kept &= ~(inside[:, None] if axis == 0 else inside[None, :])
    return tf.where(kept, features, tf.reduce_min(features))
