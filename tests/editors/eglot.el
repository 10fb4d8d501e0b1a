;;; What a user does in Emacs with eglot, in batch mode.  Writes what it saw as JSON.  -*- lexical-binding: t; -*-

;; TASK_FILE: a task whose wave fails at it; SLOW_FILE: one whose wave does not end by itself; OTHER_FILE: Markdown
;; where there are no tasks.

(require 'json)
(setq user-emacs-directory (file-name-as-directory (getenv "XDG_STATE_HOME")))
(package-initialize)
(require 'feature-build)
(require 'eglot)
(require 'markdown-mode)

(defvar seen nil)

(defun see (key value)
  (push (cons key value) seen))

(defun finish ()
  (with-temp-file (getenv "REPORT_FILE")
    (insert (let ((coding-system-for-write 'utf-8)) (json-encode seen))))
  (kill-emacs))

(defun wait (what condition)
  "Wait until CONDITION holds; without that WHAT is missing."
  (let ((deadline (+ (float-time) 120)))
    (while (not (funcall condition))
      (when (> (float-time) deadline)
        (see 'missing what)
        (see 'status feature-build-status)
        (see 'offered (ignore-errors (vconcat (actions))))
        (finish))
      (accept-process-output nil 0.02))))

(defun start ()
  "What `eglot-ensure' does after the next command."
  (apply #'eglot (eglot--guess-contact))
  (flymake-start))

(defun execute-action (pattern)
  "Choose the code action that matches PATTERN from the menu."
  (cl-letf (((symbol-function 'completing-read)
             (lambda (_prompt items &rest _)
               (let ((titles (mapcar #'car items)))
                 (unless (assq 'actions seen)
                   (see 'actions (vconcat titles)))
                 (seq-find (lambda (title) (string-match-p pattern title)) titles))))
            (last-nonmenu-event t))
    (eglot-code-actions (point) nil nil t)))

(defun actions ()
  (mapcar (lambda (action) (plist-get action :title)) (eglot-code-actions (point) nil)))

(setq feature-build-program (getenv "FEATURE_BUILD")
      ;; Nobody answers in batch mode.
      eglot-autoshutdown t)
(see 'version (format "Emacs %s, eglot %s" emacs-version
                      (if (boundp 'package-alist)
                          (package-version-join (package-desc-version (cadr (assq 'eglot package-alist))))
                        "")))

(find-file (getenv "OTHER_FILE"))
(see 'root_elsewhere (feature-build-root))

(find-file (getenv "TASK_FILE"))
(start)
(see 'project (project-root (project-current)))
(execute-action "^Run wave")
(wait "progress in the mode line" (lambda () (string-match-p "⏳ wave 1 of FEAT-TXT [0-9]/3" feature-build-status)))
(wait "the failure"
      (lambda ()
        (let ((texts (mapcar #'flymake-diagnostic-text (flymake-diagnostics))))
          (see 'failure (seq-find (lambda (text) (string-match-p "failed (exit [0-9]+)\n" text)) texts))
          (or (alist-get 'failure seen) (progn (pop seen) nil)))))
(wait "the summary" (lambda () (string-match-p "1 failed in" feature-build-status)))
(see 'summary feature-build-status)
(execute-action "^Open the log")
(wait "the log" (lambda () (get-buffer "TASK-TXT-002.log")))
(see 'log (with-current-buffer "TASK-TXT-002.log" (buffer-string)))

(find-file (getenv "SLOW_FILE"))
(start)
;; As a plain eglot asks, which waits for the answer: it comes while the run goes on.
(let ((command (plist-get (car (eglot-code-actions (point) nil)) :command)))
  (see 'answer (jsonrpc-request (eglot-current-server) :workspace/executeCommand
                                (list :command (plist-get command :command)
                                      :arguments (plist-get command :arguments)))))
(wait "the offer to cancel" (lambda () (seq-some (lambda (title) (string-match-p "^Cancel" title)) (actions))))
;; A task that had not begun yet would be skipped.
(wait "its output"
      (lambda () (seq-some (lambda (log) (> (file-attribute-size (file-attributes log)) 0))
                           (file-expand-wildcards
                            (expand-file-name "../../.feature-build/runs/*/TASK-SLOW-001.log"
                                              (file-name-directory (getenv "SLOW_FILE")))))))
(feature-build-cancel)
(wait "the end of what was cancelled" (lambda () (string-match-p "1 cancelled" feature-build-status)))
(feature-build-run)
(wait "the run that one key began" (lambda () (string-match-p "⏳ TASK-SLOW-001" feature-build-status)))
(feature-build-cancel)
;; A task that had not begun yet is skipped.
(wait "its end" (lambda () (string-match-p "1 \\(cancelled\\|skipped\\)" feature-build-status)))
(see 'cancelled feature-build-status)
(finish)
