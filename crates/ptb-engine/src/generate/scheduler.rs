//! Which sequence computes what next.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::cache::SequenceCache;
use super::cached::Step;
use super::model::Model;
use super::request::{
    Completion, Event, EventKind, FinishReason, GenerationError, GenerationRequest, RequestError, RequestId,
};
use super::sampling::Sampler;
use super::text::GrowingText;
use crate::decoder::DecoderError;

/// How much may run at once.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Most sequences that run together.
    pub max_batch: usize,
    /// Most bytes of keys and values of all running sequences. A sequence reserves room for its prompt and all tokens
    /// it may generate when it starts; sequences wait while there is none.
    pub cache_bytes: usize,
    /// Most prompt tokens in one step, so that a long prompt does not hold up the running sequences for long.
    pub prompt_tokens_per_step: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_batch: 32, cache_bytes: 2 << 30, prompt_tokens_per_step: 256 }
    }
}

/// Runs requests together; feed it with [`Scheduler::submit`] and drive it with [`Scheduler::step`].
#[derive(Debug)]
pub struct Scheduler<'a> {
    model: &'a Model,
    limits: Limits,
    waiting: VecDeque<Waiting>,
    running: Vec<Sequence>,
    reserved: usize,
    next_id: u64,
}

#[derive(Debug)]
struct Waiting {
    id: RequestId,
    request: GenerationRequest,
    positions: usize,
}

#[derive(Debug)]
struct Sequence {
    id: RequestId,
    prompt: Vec<u32>,
    tokens: Vec<u32>,
    cache: SequenceCache,
    reserved: usize,
    /// Positions of prompt and completion at which the sequence ends.
    positions: usize,
    sampler: Sampler,
    text: GrowingText,
}

impl<'a> Scheduler<'a> {
    /// A scheduler without requests.
    pub fn new(model: &'a Model, limits: Limits) -> Self {
        Self { model, limits, waiting: VecDeque::new(), running: Vec::new(), reserved: 0, next_id: 0 }
    }

    /// Queues a request; it starts in a later step.
    pub fn submit(&mut self, request: GenerationRequest) -> Result<RequestId, RequestError> {
        let positions = self.positions(&request)?;
        let id = RequestId(self.next_id);
        self.next_id += 1;
        self.waiting.push_back(Waiting { id, request, positions });
        Ok(id)
    }

    /// Drops a request, wherever it is. There will be no further event of it.
    pub fn cancel(&mut self, id: RequestId) {
        self.waiting.retain(|waiting| waiting.id != id);
        self.running.retain(|sequence| sequence.id != id);
        self.reserved = self.running.iter().map(|sequence| sequence.reserved).sum();
    }

    /// Whether there is nothing to do.
    pub fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.running.is_empty()
    }

    /// Advances every running sequence by a token, or by a piece of its prompt, after starting those that fit.
    pub fn step(&mut self) -> Vec<Event> {
        self.admit();
        let mut budget = self.limits.prompt_tokens_per_step.max(1);
        let (mut steps, mut chosen) = (Vec::new(), Vec::new());
        for (index, sequence) in self.running.iter_mut().enumerate() {
            let (fed, length) = (sequence.cache.length(), sequence.prompt.len());
            let tokens = if fed < length {
                let piece = budget.min(length - fed);
                budget -= piece;
                &sequence.prompt[fed..fed + piece]
            } else {
                &sequence.tokens[fed - length..]
            };
            if !tokens.is_empty() {
                steps.push(Step { cache: &mut sequence.cache, tokens });
                chosen.push(index);
            }
        }
        match self.model.decoder().step(&mut steps) {
            Ok(logits) => self.extend(&chosen, logits),
            Err(error) => self.fail_all(&Arc::new(error)),
        }
    }

    fn fail_all(&mut self, error: &Arc<DecoderError>) -> Vec<Event> {
        self.reserved = 0;
        let failed = |id| Event { id, kind: EventKind::Failed(GenerationError::Decoder(error.clone())) };
        self.running.drain(..).map(|sequence| failed(sequence.id)).collect()
    }

    /// Positions that a request needs, checked against the model and the memory.
    fn positions(&self, request: &GenerationRequest) -> Result<usize, RequestError> {
        request.sampling.validate()?;
        let config = self.model.decoder().config();
        let (length, context) = (request.prompt.len(), self.model.context());
        if length == 0 {
            return Err(RequestError::EmptyPrompt);
        }
        if length >= context {
            return Err(RequestError::PromptTooLong { length, context });
        }
        if let Some(&token) = request.prompt.iter().find(|&&token| token as usize >= config.vocab_size) {
            return Err(RequestError::UnknownToken { token, vocab_size: config.vocab_size });
        }
        if request.stop.iter().any(String::is_empty) {
            return Err(RequestError::EmptyStop);
        }
        let asked = request.max_new_tokens.or(self.model.generation().max_new_tokens.map(|count| count as usize));
        if asked == Some(0) {
            return Err(RequestError::NoTokens);
        }
        let budget = self.limits.cache_bytes;
        let needed = |positions| SequenceCache::bytes(config, positions);
        let most = SequenceCache::positions_within(config, budget, context);
        let positions = asked.map_or(most, |count| context.min(length.saturating_add(count)));
        if positions <= length || needed(positions) > budget {
            let positions = positions.max(length + 1);
            return Err(RequestError::CacheTooSmall { positions, needed: needed(positions), budget });
        }
        Ok(positions)
    }

    fn admit(&mut self) {
        let config = self.model.decoder().config();
        while self.running.len() < self.limits.max_batch.max(1)
            && let Some(first) = self.waiting.front()
            && self.reserved + SequenceCache::bytes(config, first.positions) <= self.limits.cache_bytes
            && let Some(Waiting { id, request, positions }) = self.waiting.pop_front()
        {
            let reserved = SequenceCache::bytes(config, positions);
            self.reserved += reserved;
            self.running.push(Sequence {
                id,
                sampler: Sampler::new(request.sampling, request.seed, &request.prompt),
                prompt: request.prompt,
                tokens: Vec::new(),
                cache: SequenceCache::new(config, positions),
                reserved,
                positions,
                text: GrowingText::new(request.stop),
            });
        }
    }

    /// Appends a token to each of the chosen sequences whose prompt is complete; takes out those that end.
    fn extend(&mut self, chosen: &[usize], logits: Vec<Vec<f32>>) -> Vec<Event> {
        let (mut events, mut ended) = (Vec::new(), Vec::new());
        for (&index, mut logits) in chosen.iter().zip(logits) {
            let sequence = &mut self.running[index];
            if sequence.cache.length() < sequence.prompt.len() {
                continue;
            }
            match sequence.extend(self.model, &mut logits) {
                Ok(Extended { token, text, finish }) => {
                    events.push(Event { id: sequence.id, kind: EventKind::Token { token, text } });
                    ended.extend(finish.map(|reason| (index, Ok(reason))));
                }
                Err(error) => ended.push((index, Err(error))),
            }
        }
        // From the back, so that the earlier places stay right.
        for (index, outcome) in ended.into_iter().rev() {
            let sequence = self.running.remove(index);
            self.reserved -= sequence.reserved;
            let id = sequence.id;
            let kind = match outcome {
                Ok(reason) => EventKind::Finished(sequence.into_completion(reason)),
                Err(error) => EventKind::Failed(error),
            };
            events.push(Event { id, kind });
        }
        events
    }
}

struct Extended {
    token: u32,
    text: String,
    finish: Option<FinishReason>,
}

impl Sequence {
    fn extend(&mut self, model: &Model, logits: &mut [f32]) -> Result<Extended, GenerationError> {
        let token = self.sampler.next(logits)?;
        self.tokens.push(token);
        let is_ending = model.ending_tokens().contains(&token);
        let mut text = if is_ending { String::new() } else { self.text.push(model.tokenizer(), token)? };
        let finish = if is_ending || self.text.is_stopped() {
            Some(FinishReason::Stop)
        } else if self.prompt.len() + self.tokens.len() >= self.positions {
            Some(FinishReason::Length)
        } else {
            None
        };
        if finish.is_some() {
            text.push_str(&self.text.finish(model.tokenizer())?);
        }
        // The rest of an unfinished character may complete a stop text.
        let finish = if self.text.is_stopped() { Some(FinishReason::Stop) } else { finish };
        Ok(Extended { token, text, finish })
    }

    fn into_completion(self, finish_reason: FinishReason) -> Completion {
        let prompt_tokens = self.prompt.len();
        Completion { text: self.text.into_text(), tokens: self.tokens, finish_reason, prompt_tokens }
    }
}

/// Completes all requests, as many together as `limits` allow. The results stand in the order of the requests; events
/// carry the place of their request as id.
pub fn generate(
    model: &Model,
    requests: Vec<GenerationRequest>,
    limits: Limits,
    mut on_event: impl FnMut(&Event),
) -> Result<Vec<Result<Completion, GenerationError>>, RequestError> {
    let mut scheduler = Scheduler::new(model, limits);
    for request in requests {
        scheduler.submit(request)?;
    }
    let mut results = BTreeMap::new();
    while !scheduler.is_idle() {
        for event in scheduler.step() {
            on_event(&event);
            match event.kind {
                EventKind::Token { .. } => {}
                EventKind::Finished(completion) => drop(results.insert(event.id, Ok(completion))),
                EventKind::Failed(error) => drop(results.insert(event.id, Err(error))),
            }
        }
    }
    Ok(results.into_values().collect())
}
