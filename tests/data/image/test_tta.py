"""Views of an image whose mean answer is predicted."""

import numpy as np
import pytest

from kzoo.data.image.preprocess import ImagePreprocessor
from kzoo.data.image.tta import view_count


@pytest.fixture(scope="module")
def wide():
    """An image of 4 x 12 pixels whose columns are numbered."""
    return np.broadcast_to(np.arange(12, dtype=np.float32)[None, :, None], (4, 12, 3)).copy()


def test_views_are_squares_along_the_longer_side_and_their_mirror_images(wide):
    views = ImagePreprocessor(4, tta=True).fit(wide).numpy()
    columns = views[:, 0, :, 0].tolist()
    assert columns == [[4, 5, 6, 7], [0, 1, 2, 3], [8, 9, 10, 11], [7, 6, 5, 4], [3, 2, 1, 0], [11, 10, 9, 8]]


def test_of_a_tall_image_they_are_above_each_other(wide):
    tall = wide.transpose(1, 0, 2)
    views = ImagePreprocessor(4, tta=True).fit(tall).numpy()
    assert views[:3, :, 0, 0].tolist() == [[4, 5, 6, 7], [0, 1, 2, 3], [8, 9, 10, 11]]


def test_the_first_view_is_what_is_fitted_without(wide):
    np.testing.assert_array_equal(ImagePreprocessor(3, tta=True).fit(wide)[0], ImagePreprocessor(3).fit(wide))


@pytest.mark.parametrize("resize", ["pad", "squash"])
def test_a_whole_image_is_mirrored_alone(wide, resize):
    views = ImagePreprocessor(4, resize=resize, tta=True).fit(wide).numpy()
    assert len(views) == view_count(resize) == 2
    np.testing.assert_array_equal(views[1], views[0][:, ::-1])


def test_a_batch_has_the_views_of_each_image(wide):
    reads = ImagePreprocessor(4, tta=True)
    batch = reads.fit(np.stack([wide, wide + 1]))
    assert batch.shape == (2, *reads.shape) == (2, 6, 4, 4, 3)
    np.testing.assert_array_equal(batch[1], reads.fit(wide + 1))
    assert reads.fitted.shape == reads.shape
    assert (reads.views, ImagePreprocessor(4).views) == (6, 1)
