//! What the page of one run shows.

use ptb_core::audit::Verdict;
use ptb_core::evaluation::{Estimate, Metrics, SeedMetrics};
use ptb_core::files::FileError;
use ptb_core::outcome::{AgentSession, Usage};
use ptb_core::run::{RunFolder, RunSpec};
use serde::Serialize;

use super::clipped::{self, Clipped};
use super::evidence::{self, FindingView};
use super::samples::SamplesView;
use super::stages::{self, EventView, StageView};
use super::trace::TraceView;
use crate::leaderboard::Mark;
use crate::notation;
use crate::results::{Results, RunState, RunSummary};

/// Largest instructions that are shown, in bytes and characters.
const MAX_INSTRUCTIONS: u64 = 1024 * 1024;

/// The data of `runs/<RUN_ID>.html`.
#[derive(Debug, Serialize)]
pub struct RunPage {
    id: String,
    title: String,
    base: bool,
    description: Option<String>,
    benchmark: String,
    base_model: String,
    experiment: String,
    replicate: u32,
    state: String,
    failure: Option<Clipped>,
    score: ScoreView,
    verdict: Option<VerdictView>,
    findings: Vec<FindingView>,
    findings_omitted: usize,
    facts: Vec<Fact>,
    stages: Vec<StageView>,
    events: Vec<EventView>,
    events_omitted: usize,
    metrics: Option<MetricsView>,
    instructions: Option<Clipped>,
    trace: Option<TraceView>,
    samples: SamplesView,
    folder: String,
}

#[derive(Debug, Serialize)]
struct ScoreView {
    value: Option<String>,
    spread: Option<String>,
    provenance: Option<String>,
    reason: Option<String>,
    mark: Option<&'static str>,
    footnote: Option<&'static str>,
    submission: Option<String>,
    base: Option<String>,
    base_link: Option<String>,
}

#[derive(Debug, Serialize)]
struct VerdictView {
    decision: String,
    class: &'static str,
    reasons: Vec<String>,
    detectors: Vec<String>,
    judge_asked: bool,
}

#[derive(Debug, Serialize)]
struct Fact {
    name: &'static str,
    value: String,
}

#[derive(Debug, Serialize)]
struct MetricsView {
    metric: String,
    greedy: bool,
    seeds: Vec<SeedView>,
    provenance: Vec<Fact>,
}

#[derive(Debug, Serialize)]
struct SeedView {
    seed: String,
    score: String,
    scored: u32,
    errors: u32,
    truncated: u32,
    seconds: String,
    output_tokens: String,
}

impl RunPage {
    /// Reads everything a run's page shows. Damaged records are an error; traces, samples and instructions that cannot
    /// be shown are explained on the page.
    pub fn read(folder: &RunFolder, spec: &RunSpec, run: &RunSummary, results: &Results) -> Result<Self, FileError> {
        let withheld = results.withheld.contains(&run.task.benchmark);
        let (findings, findings_omitted) = evidence::view(&folder.findings()?.unwrap_or_default(), withheld);
        let (events, events_omitted) = stages::events(&folder.events().read()?);
        let metrics = folder.metrics()?;
        let seeds: Vec<u64> = metrics.iter().flat_map(|metrics| &metrics.seeds).map(|seed| seed.seed).collect();
        let base = run.contestant.is_base();
        Ok(Self {
            id: spec.id.to_string(),
            title: run.contestant.title().to_owned(),
            base,
            description: spec.agent.as_ref().map(|agent| agent.description.clone()),
            benchmark: spec.benchmark.title.clone(),
            base_model: spec.base_model.title.clone(),
            experiment: spec.experiment.to_string(),
            replicate: spec.replicate,
            state: run.state.label(),
            failure: failure(run),
            score: ScoreView::of(run, results),
            verdict: folder.verdict()?.map(VerdictView::of),
            findings,
            findings_omitted,
            facts: facts(spec, folder.session()?.as_ref(), folder.usage()?.as_ref()),
            stages: stages::stages(folder, spec.kind)?,
            events,
            events_omitted,
            metrics: metrics.map(MetricsView::of),
            instructions: (!base).then(|| instructions(folder)),
            trace: (!base && !withheld).then(|| TraceView::read(folder)),
            samples: SamplesView::read(folder, &seeds, withheld),
            folder: folder.root().file_name().unwrap_or_default().to_string_lossy().into_owned(),
        })
    }
}

fn failure(run: &RunSummary) -> Option<Clipped> {
    match &run.state {
        RunState::Failed { error, .. } => Some(Clipped::new(error, 4000)),
        _ => None,
    }
}

fn instructions(folder: &RunFolder) -> Clipped {
    let text =
        clipped::read(&folder.instructions(), "instructions.md", MAX_INSTRUCTIONS).unwrap_or_else(|reason| reason);
    Clipped::new(&text, MAX_INSTRUCTIONS as usize)
}

fn shown(estimate: Estimate) -> String {
    match estimate.standard_error {
        Some(error) => format!("{} ± {}", notation::score(estimate.value), notation::score(error)),
        None => notation::score(estimate.value),
    }
}

impl ScoreView {
    fn of(run: &RunSummary, results: &Results) -> Self {
        let counted = run.counted();
        let score = run.score.as_ref();
        let mark = Mark::of(run);
        let base_run = score.and_then(|score| score.base_run).filter(|id| *id != run.id);
        let known = base_run.filter(|id| results.runs.iter().any(|run| run.id == *id));
        Self {
            value: counted.map(|estimate| notation::score(estimate.value)),
            spread: counted.and_then(|estimate| estimate.standard_error).map(notation::score),
            provenance: score.map(|score| score.provenance.to_string()),
            reason: score.map(|score| score.reason.clone()),
            mark: mark.map(Mark::label),
            footnote: mark.map(Mark::footnote),
            submission: run.submission().map(shown),
            base: score.and_then(|score| score.base).map(shown),
            base_link: known.map(|id| format!("{id}.html")),
        }
    }
}

impl VerdictView {
    fn of(verdict: Verdict) -> Self {
        use ptb_core::audit::Decision;
        Self {
            class: match verdict.decision {
                Decision::Clean => "clean",
                Decision::Flagged => "flagged",
                Decision::NeedsReview => "review",
            },
            decision: verdict.decision.to_string(),
            reasons: verdict.reasons,
            detectors: verdict.detectors.iter().map(ToString::to_string).collect(),
            judge_asked: verdict.judge_asked,
        }
    }
}

fn facts(spec: &RunSpec, session: Option<&AgentSession>, usage: Option<&Usage>) -> Vec<Fact> {
    let mut facts = Vec::new();
    let mut add = |name, value| facts.push(Fact { name, value });
    if let Some(session) = session {
        let (used, budget) = (notation::duration(session.seconds_used), notation::duration(session.seconds_budget));
        add("Session", clipped::visible(&session.outcome.to_string()));
        add("Time used", format!("{used} of {budget}"));
        add("Started", notation::date_time(session.started));
    }
    if let Some(usage) = usage {
        if let Some(seconds) = usage.cpu_seconds {
            add("Processor time", notation::duration(seconds));
        }
        if let Some(bytes) = usage.peak_memory_bytes {
            add("Peak memory", notation::bytes(bytes));
        }
        if usage.input_tokens + usage.output_tokens > 0 {
            let (input, output) = (notation::count(usage.input_tokens), notation::count(usage.output_tokens));
            add("Tokens", format!("{input} in, {output} out"));
            add("Price", format!("${:.2}", usage.dollars));
        }
    }
    add("Prompt pack", spec.pack.clone());
    add("ptb", spec.ptb_version.clone());
    facts
}

impl MetricsView {
    fn of(metrics: Metrics) -> Self {
        let provenance = metrics.provenance;
        let fact = |name, value| Fact { name, value };
        Self {
            metric: metrics.metric,
            greedy: metrics.greedy,
            seeds: metrics.seeds.iter().map(SeedView::of).collect(),
            provenance: vec![
                fact("Scorer", provenance.scorer),
                fact("Samples", notation::count(provenance.samples.into())),
                fact("Token limit", notation::count(provenance.max_tokens.into())),
                fact("Prompt pack, SHA-256", provenance.pack),
                fact("Test data, SHA-256", provenance.data),
                fact("ptb", provenance.ptb_version),
            ],
        }
    }
}

impl SeedView {
    fn of(seed: &SeedMetrics) -> Self {
        Self {
            seed: seed.seed.to_string(),
            score: shown(seed.estimate),
            scored: seed.scored,
            errors: seed.errors,
            truncated: seed.truncated,
            seconds: notation::duration(seed.seconds),
            output_tokens: notation::count(seed.output_tokens),
        }
    }
}
