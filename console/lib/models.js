// What may stand where a model ID does: models, custom models' deployments, routers. For fields that choose one.

import { fulcrum, getJson, listAll } from "./api.js";
import { h } from "./dom.js";
import { tail } from "./format.js";

const DEPLOYMENTS = "/model-customization/custom-model-deployments?statusEquals=Active";

const settled = (promise, fallback) =>
  promise.catch((error) => {
    if (error.name === "AbortError") throw error;
    return fallback;
  });

/** [{group, items: [[id, label]]}] of all that answers. */
export async function answering(signal, tenant) {
  const [served, deployments, routers] = await Promise.all([
    fulcrum("models", {}, signal),
    settled(listAll(DEPLOYMENTS, "modelDeploymentSummaries", signal, tenant), []),
    settled(fulcrum("routers", {}, signal), { routers: [] }),
  ]);
  return [
    {
      group: "Models",
      items: served.models.filter((model) => model.kind !== "custom").map((model) => [model.name, model.name]),
    },
    {
      group: "Students",
      items: deployments.map((one) => [one.customModelDeploymentArn, one.customModelDeploymentName]),
    },
    {
      group: "Routers",
      items: routers.routers.map((router) => [router.arn ?? router.name, router.name ?? tail(router.arn)]),
    },
  ].filter((part) => part.items.length);
}

/** A select of them; `current` stays even where it is none of them. */
export function modelSelect(props, groups, current) {
  const all = groups.flatMap((part) => part.items.map(([id]) => id));
  const other = current && !all.includes(current) ? [h("option", { value: current }, tail(current))] : [];
  return h(
    "select",
    { ...props, value: current || all[0] || "" },
    other,
    groups.map((part) =>
      h(
        "optgroup",
        { label: part.group },
        part.items.map(([id, label]) => h("option", { value: id }, label)),
      ),
    ),
  );
}

/** What a job of the kind may begin with. */
export async function bases(type, signal) {
  const { modelSummaries } = await getJson(`/foundation-models?byCustomizationType=${type}`, signal);
  return modelSummaries.map((model) => [
    model.modelId,
    model.modelName && model.modelName !== model.modelId ? `${model.modelId} (${model.modelName})` : model.modelId,
  ]);
}

export const ROLE = "arn:aws:iam::000000000000:role/console"; // the API wants one; it means nothing here
