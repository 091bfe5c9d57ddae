/* The row of the slider: nothing is drawn, the tools of the panel stand there. */

import type { WeightsLayer } from "../layers/weights.ts";
import type { Pen } from "./stage.ts";

export const drawWeights: Pen<WeightsLayer> = () => undefined;
