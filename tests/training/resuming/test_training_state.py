"""What a run follows from besides the weights."""

import keras

from kzoo.training.resuming.training_state import kept_variables


def test_the_random_state_is_kept_besides_the_weights():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dropout(0.5), keras.layers.Dense(1)])
    optimizer = keras.optimizers.Adam()
    optimizer.build(model.trainable_variables)
    names = [each.name for each in kept_variables(model, [optimizer])]
    assert names.count("seed_generator_state") == 1
    assert len(names) == len(optimizer.variables) + 1
