//! What has been computed, by question, up to a number of bytes. Must not know what is computed.

use std::collections::VecDeque;

/// Answers by question; the least recently used go first when there are too many bytes.
#[derive(Clone, Debug)]
pub struct Cache<K, V> {
    entries: VecDeque<(K, V, usize)>,
    bytes: usize,
    limit: usize,
}

impl<K: PartialEq, V: Clone> Cache<K, V> {
    /// A cache that holds at most `limit` bytes, and always its newest entry.
    pub fn new(limit: usize) -> Self {
        Self { entries: VecDeque::new(), bytes: 0, limit }
    }

    /// Keeps an answer that holds so many bytes, instead of an older one to the same question.
    pub fn insert(&mut self, key: K, value: V, bytes: usize) {
        self.remove(&key);
        self.bytes += bytes;
        self.entries.push_front((key, value, bytes));
        while self.bytes > self.limit && self.entries.len() > 1 {
            self.bytes -= self.entries.pop_back().map_or(0, |(.., bytes)| bytes);
        }
    }

    /// Forgets the answer to a question.
    pub fn remove(&mut self, key: &K) {
        if let Some(at) = self.entries.iter().position(|(k, ..)| k == key) {
            self.bytes -= self.entries.remove(at).map_or(0, |(.., bytes)| bytes);
        }
    }

    /// The answer to a question.
    pub fn get(&self, key: &K) -> Option<V> {
        self.entries.iter().find(|(k, ..)| k == key).map(|(_, value, _)| value.clone())
    }

    /// Whether there is an answer to a question.
    pub fn holds(&self, key: &K) -> bool {
        self.entries.iter().any(|(k, ..)| k == key)
    }

    /// Marks an answer as used just now.
    pub fn touch(&mut self, key: &K) {
        if let Some(entry) = self.entries.iter().position(|(k, ..)| k == key).and_then(|at| self.entries.remove(at)) {
            self.entries.push_front(entry);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_recently_used_goes_first() {
        let mut cache = Cache::new(100);
        cache.insert('a', 1, 40);
        cache.insert('b', 2, 40);
        cache.touch(&'a');
        cache.insert('c', 3, 40);
        assert_eq!((cache.get(&'a'), cache.get(&'b'), cache.get(&'c')), (Some(1), None, Some(3)));
        cache.insert('a', 4, 10);
        assert_eq!((cache.get(&'a'), cache.bytes), (Some(4), 50));
        cache.insert('d', 5, 1000);
        assert_eq!((cache.get(&'d'), cache.get(&'a')), (Some(5), None), "the newest stays however large");
    }
}
