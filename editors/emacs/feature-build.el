;;; feature-build.el --- Run the waves of planned tasks  -*- lexical-binding: t; -*-

;; Package-Requires: ((emacs "28.1"))

;;; Commentary:

;; `feature-build-ensure' starts the language server of feature-build by eglot, for Markdown files of workspaces that
;; have tasks.  `feature-build-lsp-mode' does so by lsp-mode, which draws lenses.

;;; Code:

(require 'cl-lib)
(require 'project)
(require 'seq)

(defgroup feature-build nil
  "Run the waves of planned tasks."
  :group 'tools)

(defcustom feature-build-program "feature-build"
  "The program to start.
A folder's or file's own value of it is ignored: they may come from anywhere."
  :type 'string)

;; Emacs asks before it takes such a variable from a folder or a file; a yes to a list of them is no choice of a program.
(put 'feature-build-program 'risky-local-variable t)

(defvar feature-build--told-local-program nil
  "Whether it was said that a folder's own program is ignored.")

(defun feature-build--program ()
  "The program to start: the user's, whatever the folder or file of this buffer says."
  (when (and (local-variable-p 'feature-build-program) (not feature-build--told-local-program))
    (setq feature-build--told-local-program t)
    (display-warning 'feature-build
                     (format "feature-build-program of %s is ignored: set it in your own configuration"
                             (abbreviate-file-name (or buffer-file-name default-directory)))))
  (default-value 'feature-build-program))

(defvar feature-build-status ""
  "What runs, for the mode line; after the end its summary.")

;; A part of the mode line is only read from where it is marked as harmless.
(put 'feature-build-status 'risky-local-variable t)

;;; Where a workspace with tasks begins

(defun feature-build--has-markdown (dir depth)
  "Whether DIR, or a folder of it at most DEPTH deep, has a Markdown file."
  (when (file-directory-p dir)
    (or (directory-files dir nil "\\.md\\'" t 1)
        (and (> depth 1)
             (seq-some (lambda (entry)
                         (and (eq (file-attribute-type (cdr entry)) t)
                              (feature-build--has-markdown (expand-file-name (car entry) dir) (1- depth))))
                       (directory-files-and-attributes dir nil "\\`[^.]" t))))))

(defun feature-build--has-dialect-folder (dir)
  "Whether a planning tool keeps its tasks in DIR."
  (let ((in-dir (lambda (name) (expand-file-name name dir))))
    (or (file-directory-p (funcall in-dir ".planning"))
        (file-directory-p (funcall in-dir ".guardkit"))
        (file-exists-p (funcall in-dir "backlog/config.yml"))
        (file-directory-p (funcall in-dir "backlog/completed"))
        (and (not (equal (file-name-nondirectory (directory-file-name dir)) "backlog"))
             (feature-build--has-markdown (funcall in-dir "tasks") 3)))))

(defun feature-build-root (&optional dir)
  "The root of the workspace that DIR (default: the current folder) lies in; nil where it has no tasks."
  (let* ((dir (or dir default-directory))
         (root (or (locate-dominating-file dir "feature-build.yaml")
                   (locate-dominating-file dir #'feature-build--has-dialect-folder))))
    (and root (file-truename root))))

(defun feature-build--project (dir)
  "The project of DIR, where nothing else (such as Git) says what its project is."
  (let ((root (feature-build-root dir)))
    (and root (cons 'transient root))))

;; Without it eglot would start one server for each folder of a workspace outside of version control.
(add-hook 'project-find-functions #'feature-build--project t)

;;; Progress and logs

(defun feature-build--take-progress (value)
  "Show the progress VALUE of a run in the mode line."
  (pcase (plist-get value :kind)
    ("begin" (setq feature-build-status (format " ⏳ %s %s" (plist-get value :title) (plist-get value :message)))
     (put 'feature-build-status 'feature-build-title (plist-get value :title)))
    ("report" (setq feature-build-status
                    (format " ⏳ %s %s" (get 'feature-build-status 'feature-build-title) (plist-get value :message))))
    ("end" (setq feature-build-status
                 (format " %s: %s" (get 'feature-build-status 'feature-build-title) (plist-get value :message)))
     (message "feature-build:%s" feature-build-status)))
  (force-mode-line-update t))

(defun feature-build--revert-log (ignore-auto noconfirm &optional _preserve-modes)
  "Read a log again; nothing in it chooses a mode.
IGNORE-AUTO and NOCONFIRM are those of `revert-buffer'."
  (let ((revert-buffer-function #'revert-buffer--default))
    (revert-buffer ignore-auto noconfirm t)))

(defun feature-build--find-log (path)
  "The buffer of the log at PATH.
What it says is a program's output: no variables, no mode, no code is taken from it."
  (or (find-buffer-visiting path)
      (let* ((enable-local-variables nil)
             (enable-local-eval nil)
             (enable-dir-local-variables nil)
             (auto-mode-alist nil)
             (interpreter-mode-alist nil)
             (magic-mode-alist nil)
             (magic-fallback-mode-alist nil)
             (buffer (find-file-noselect path)))
        (with-current-buffer buffer
          (fundamental-mode)
          (setq-local revert-buffer-function #'feature-build--revert-log))
        buffer)))

(defun feature-build--show (path)
  "Show the file at PATH; a log with what is added to it."
  (let ((is-log (string-suffix-p ".log" path)))
    (with-current-buffer (if is-log (feature-build--find-log path) (find-file-noselect path))
      (when is-log
        (goto-char (point-max))
        (read-only-mode)
        (auto-revert-tail-mode))
      (display-buffer (current-buffer)))))

;;; eglot

(declare-function eglot-ensure "eglot")
(declare-function eglot-current-server "eglot")
(declare-function eglot--uri-to-path "eglot")
(declare-function jsonrpc-request "jsonrpc")
(declare-function jsonrpc-async-request "jsonrpc")
(defvar eglot-server-programs)

(defun feature-build--execute (server command argument)
  "Ask SERVER for COMMAND with ARGUMENT and wait for nothing: it says itself what it could not do."
  (jsonrpc-async-request server :workspace/executeCommand
                         (list :command (format "%s" command) :arguments (vector argument))
                         :success-fn #'ignore
                         :error-fn (lambda (err) (message "feature-build: %s" (plist-get err :message)))))

(defun feature-build--server ()
  "The server of this buffer."
  (or (eglot-current-server) (user-error "No feature-build server here: M-x feature-build-ensure")))

;;;###autoload
(defun feature-build-run ()
  "Run the wave of this file; where it runs already, or is done, ask what to do."
  (interactive)
  (let* ((server (feature-build--server))
         (document (list :uri (eglot--path-to-uri buffer-file-name)))
         (lenses (jsonrpc-request server :textDocument/codeLens (list :textDocument document)))
         (commands (mapcar (lambda (lens) (plist-get lens :command)) lenses))
         (first (car commands)))
    (unless first
      (user-error "Nothing to run here"))
    ;; A key that was hit twice must not cancel what it began: only what starts a wave goes without a question.
    (unless (equal (plist-get first :command) "featureBuild/runWave")
      (let ((title (completing-read "feature-build: " (mapcar (lambda (one) (plist-get one :title)) commands) nil t)))
        (setq first (seq-find (lambda (one) (equal (plist-get one :title) title)) commands))))
    (feature-build--execute server (plist-get first :command) (elt (plist-get first :arguments) 0))))

;;;###autoload
(defun feature-build-cancel ()
  "Cancel everything that runs in this workspace."
  (interactive)
  (feature-build--execute (feature-build--server) "featureBuild/cancel" (list :root (feature-build-root))))

;;;###autoload
(defun feature-build-ensure ()
  "Start eglot for this buffer, where its workspace has tasks."
  (interactive)
  (when (feature-build-root)
    (require 'eglot)
    (eglot-ensure)))

(with-eval-after-load 'eglot
  (declare-function eglot--path-to-uri "eglot")

  (defclass feature-build-eglot-server (eglot-lsp-server) ()
    :documentation "The language server of feature-build.")

  (add-to-list 'eglot-server-programs
               `(markdown-mode . ,(lambda (&rest _) (list 'feature-build-eglot-server (feature-build--program) "lsp"))))

  (cl-defmethod eglot-client-capabilities :around ((_server feature-build-eglot-server))
    (let* ((all (cl-call-next-method))
           (window (copy-sequence (plist-get all :window))))
      (setq window (plist-put window :showDocument '(:support t))
            ;; eglot 1.9 answers such questions, but does not say so.
            window (plist-put window :showMessage
                              '(:messageActionItem (:additionalPropertiesSupport :json-false))))
      (plist-put all :window (plist-put window :workDoneProgress t))))

  ;; eglot's own waits for the answer, and an old jsonrpc then leaves what came together with it (the request to show
  ;; a log) unread until the server speaks again.
  (cl-defmethod eglot-execute-command ((server feature-build-eglot-server) command arguments)
    (feature-build--execute server command (elt arguments 0)))

  ;; eglot 1.9 shows no progress.
  (cl-defmethod eglot-handle-request
    ((_server feature-build-eglot-server) (_method (eql 'window/workDoneProgress/create)) &rest _)
    nil)

  (cl-defmethod eglot-handle-notification
    ((_server feature-build-eglot-server) (_method (eql '$/progress)) &key value &allow-other-keys)
    (feature-build--take-progress value))

  ;; eglot's own puts the first answer in: a Return that was meant for something else would trust.
  (cl-defmethod eglot-handle-request
    ((_server feature-build-eglot-server) (_method (eql 'window/showMessageRequest))
     &key message actions &allow-other-keys)
    (let* ((titles (mapcar (lambda (action) (plist-get action :title)) actions))
           (answer (condition-case nil (completing-read (format "%s\nAnswer (Tab lists): " message) titles nil t)
                     (quit ""))))
      (and (member answer titles) (list :title answer))))

  (cl-defmethod eglot-handle-request
    ((_server feature-build-eglot-server) (_method (eql 'window/showDocument)) &key uri &allow-other-keys)
    ;; Later: a buffer that is made while eglot handles a message would become one of the server's.
    (run-at-time 0 nil #'feature-build--show (eglot--uri-to-path uri))
    '(:success t))

  (add-to-list 'mode-line-misc-info '(:eval feature-build-status) t))

;;; lsp-mode

(declare-function lsp "lsp-mode")
(declare-function lsp-deferred "lsp-mode")
(declare-function lsp-register-client "lsp-mode")
(declare-function lsp-stdio-connection "lsp-mode")
(declare-function lsp-activate-on "lsp-mode")
(declare-function make-lsp-client "lsp-mode")
(declare-function lsp-get "lsp-protocol")
(declare-function lsp-request-async "lsp-mode")
(declare-function lsp--uri-to-path "lsp-mode")

(defconst feature-build--commands
  '("runWave" "runTask" "runFeature" "rerunFailed" "cancel" "openLog" "init")
  "The server's commands.")

(defun feature-build--lsp-execute (action)
  "Ask for the command of ACTION and wait for nothing.
The own way of lsp-mode waits, and loses what comes together with the answer."
  (lsp-request-async "workspace/executeCommand"
                     (list :command (lsp-get action :command) :arguments (lsp-get action :arguments))
                     #'ignore :mode 'detached))

(defun feature-build--lsp-show (_workspace params)
  "Show the file that the server names in PARAMS."
  ;; Later: a buffer that is made while lsp-mode handles a message would become one of the server's.
  (run-at-time 0 nil #'feature-build--show (lsp--uri-to-path (lsp-get params :uri)))
  (list :success t))

(defun feature-build--lsp-actions ()
  "How lsp-mode executes each command."
  (let ((handlers (make-hash-table :test 'equal)))
    (dolist (command feature-build--commands handlers)
      (puthash (concat "featureBuild/" command) #'feature-build--lsp-execute handlers))))

;;;###autoload
(defun feature-build-lsp-mode ()
  "Start lsp-mode for this buffer, where its workspace has tasks."
  (interactive)
  (when (feature-build-root)
    (require 'lsp-mode)
    (lsp-deferred)))

(with-eval-after-load 'lsp-mode
  (lsp-register-client
   (make-lsp-client :new-connection (lsp-stdio-connection (lambda () (list (feature-build--program) "lsp")))
                    :activation-fn (lambda (file _mode)
                                     (and (string-suffix-p ".md" file)
                                          (feature-build-root (file-name-directory file))))
                    :action-handlers (feature-build--lsp-actions)
                    ;; lsp-mode 8 knows no such request, and lets nobody say that he does.
                    :initialization-options '(:showDocument t)
                    :request-handlers (let ((handlers (make-hash-table :test 'equal)))
                                        (puthash "window/showDocument" #'feature-build--lsp-show handlers)
                                        handlers)
                    ;; It goes beside a server for Markdown, not in its place.
                    :add-on? t
                    :server-id 'feature-build)))

(provide 'feature-build)
;;; feature-build.el ends here
