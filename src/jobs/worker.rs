//! The engine thread: one request at a time, the latest wins, every one can be cancelled.
//!
//! Owns the queue of one, cancelling, and turning a panic of what answers into a failed request. Must not know what
//! answers ([`Answer`]): the network in the program, an analytic stand-in in tests.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::progress::Progress;
use super::{Event, Outcome, Request};
use crate::engine::Cancel;
use crate::terminal::screen::WORKER_THREADS;

/// Why there is no answer.
#[derive(Debug)]
pub enum Stopped {
    /// It was asked to stop; what was done by then.
    Cancelled(Option<Outcome>),
    /// It failed: why, and what to do next.
    Failed(String),
}

/// Tells how far a request is: a note, steps done, steps there are, what there is already.
pub type Tell<'a> = &'a mut dyn FnMut(Option<String>, usize, usize, Option<Outcome>);

/// What answers requests.
pub trait Answer: Send {
    /// Answers one request. Looks at `cancel` often.
    fn answer(&mut self, request: &Request, cancel: &Cancel, tell: Tell<'_>) -> Result<Outcome, Stopped>;
}

#[derive(Default)]
struct Queue {
    next: Option<Request>,
    running: Option<Cancel>,
    closed: bool,
}

/// The engine thread's letter box.
pub struct Worker {
    shared: Arc<(Mutex<Queue>, Condvar)>,
}

fn lock(queue: &Mutex<Queue>) -> MutexGuard<'_, Queue> {
    queue.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Worker {
    /// Starts the thread; `send` is called from it.
    pub fn start(mut answer: impl Answer + 'static, send: impl Fn(Event) + Send + 'static) -> std::io::Result<Self> {
        let shared: Arc<(Mutex<Queue>, Condvar)> = Arc::default();
        let thread_shared = shared.clone();
        std::thread::Builder::new().name(format!("{WORKER_THREADS}-engine")).spawn(move || {
            while let Some((request, cancel)) = next(&thread_shared) {
                send(run(&mut answer, &request, &cancel, &send));
                lock(&thread_shared.0).running = None;
                thread_shared.1.notify_all();
            }
        })?;
        Ok(Self { shared })
    }

    /// Asks; what runs is cancelled, what waits is forgotten.
    pub fn submit(&self, request: Request) {
        let mut queue = lock(&self.shared.0);
        queue.next = Some(request);
        if let Some(cancel) = &queue.running {
            cancel.cancel();
        }
        self.shared.1.notify_all();
    }

    /// Cancels what runs and forgets what waits.
    pub fn cancel(&self) {
        let mut queue = lock(&self.shared.0);
        queue.next = None;
        if let Some(cancel) = &queue.running {
            cancel.cancel();
        }
    }

    /// Cancels everything and waits until nothing runs, at most so long.
    pub fn close(&self, patience: Duration) {
        self.cancel();
        let mut queue = lock(&self.shared.0);
        queue.closed = true;
        self.shared.1.notify_all();
        let until = Instant::now() + patience;
        while queue.running.is_some()
            && let Some(left) = until.checked_duration_since(Instant::now())
        {
            queue = self.shared.1.wait_timeout(queue, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// Waits for the next request; `None` when the worker is closed.
fn next(shared: &(Mutex<Queue>, Condvar)) -> Option<(Request, Cancel)> {
    let mut queue = lock(&shared.0);
    loop {
        if queue.closed {
            return None;
        }
        if let Some(request) = queue.next.take() {
            let cancel = Cancel::new();
            queue.running = Some(cancel.clone());
            return Some((request, cancel));
        }
        queue = shared.1.wait(queue).unwrap_or_else(PoisonError::into_inner);
    }
}

fn run(answer: &mut impl Answer, request: &Request, cancel: &Cancel, send: &impl Fn(Event)) -> Event {
    let (generation, start) = (request.generation, Instant::now());
    let mut tell = |note, done, total, partial: Option<Outcome>| {
        send(Event::Progress { generation, note, progress: Progress { done, total, elapsed: start.elapsed() } });
        if let Some(outcome) = partial {
            send(Event::Partial { generation, outcome });
        }
    };
    match catch_unwind(AssertUnwindSafe(|| answer.answer(request, cancel, &mut tell))) {
        Ok(Ok(outcome)) => Event::Done { generation, outcome, seconds: start.elapsed().as_secs_f64() },
        Ok(Err(Stopped::Cancelled(kept))) => Event::Cancelled { generation, kept },
        Ok(Err(Stopped::Failed(message))) => Event::Failed { generation, message },
        Err(_) => {
            let message = "this failed by a mistake of the program; its log says more (lensor doctor names the file)";
            Event::Failed { generation, message: message.to_owned() }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, channel};

    use super::*;
    use crate::jobs::Key;

    /// Answers picture 0 at once, panics at picture 1, runs until cancelled at others.
    struct Fake;

    impl Answer for Fake {
        fn answer(&mut self, request: &Request, cancel: &Cancel, tell: Tell<'_>) -> Result<Outcome, Stopped> {
            match request.key {
                Key::Predict { picture: 0 } => Ok(Outcome::Layers(Arc::default())),
                Key::Predict { picture: 1 } => panic!("a mistake"),
                _ => {
                    tell(None, 1, 2, None);
                    while !cancel.is_cancelled() {
                        std::thread::yield_now();
                    }
                    Err(Stopped::Cancelled(None))
                }
            }
        }
    }

    fn started() -> (Worker, Receiver<Event>) {
        let (sender, receiver) = channel();
        (Worker::start(Fake, move |event| drop(sender.send(event))).unwrap(), receiver)
    }

    fn request(picture: usize, generation: u64) -> Request {
        Request { key: Key::Predict { picture }, generation, picture: None, seen: None }
    }

    #[test]
    fn the_latest_wins_and_what_ran_says_it_was_cancelled() {
        let (worker, events) = started();
        worker.submit(request(5, 1));
        assert!(matches!(
            events.recv().unwrap(),
            Event::Progress { generation: 1, progress: Progress { done: 1, total: 2, .. }, .. }
        ));
        worker.submit(request(0, 2));
        assert!(matches!(events.recv().unwrap(), Event::Cancelled { generation: 1, kept: None }));
        assert!(matches!(events.recv().unwrap(), Event::Done { generation: 2, .. }));
    }

    #[test]
    fn a_panic_fails_one_request_and_the_thread_goes_on() {
        let (worker, events) = started();
        worker.submit(request(1, 1));
        assert!(matches!(events.recv().unwrap(), Event::Failed { generation: 1, .. }));
        worker.submit(request(0, 2));
        assert!(matches!(events.recv().unwrap(), Event::Done { generation: 2, .. }));
    }

    #[test]
    fn closing_cancels_what_runs() {
        let (worker, events) = started();
        worker.submit(request(5, 1));
        let _ = events.recv();
        worker.close(Duration::from_secs(60));
        assert!(matches!(events.recv().unwrap(), Event::Cancelled { generation: 1, .. }));
    }
}
