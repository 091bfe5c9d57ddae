"""Layers with a noun of their own: what one panel draws and no other."""

from __future__ import annotations

from vergence_widgets.panels.layers.bars import Bars
from vergence_widgets.panels.layers.cloud import Cloud
from vergence_widgets.panels.layers.gallery import Gallery
from vergence_widgets.panels.layers.heat import Heat
from vergence_widgets.panels.layers.maps import Maps
from vergence_widgets.panels.layers.weights import Weights

__all__ = ["Bars", "Cloud", "Gallery", "Heat", "Maps", "Weights"]
